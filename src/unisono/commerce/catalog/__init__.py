"""Catalog: products, variants (sku), barcodes, categories, attributes, images, kits.

Owns ``product``, ``variant``, ``barcode``, ``category``, ``kit_component``, ``product_attribute``, ``product_image``,
``product_search``, ``tax_class``. Writes changes of kind ``product``.
"""
