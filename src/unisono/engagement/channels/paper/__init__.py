"""What is printed: letters for the post, coupons for the till. Owns ``print_item``."""
