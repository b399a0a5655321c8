"""Commerce: one truth of products, prices, offers, stock, carts and orders, the same in every channel."""
