"""What the screens of stock, orders and carts list, where no room lists it so: reading only."""
