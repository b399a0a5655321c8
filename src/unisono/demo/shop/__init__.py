"""The sample shop: a front, an app and a till that talk to the engine over its public API alone."""

from unisono.demo.shop.app import create_shop
from unisono.demo.shop.keys import ShopKeys, shop_keys, till_store

__all__ = ["ShopKeys", "create_shop", "shop_keys", "till_store"]
