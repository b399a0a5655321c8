"""The demo: a real retailer's year on the timelines, scenes that play live, and a check without a screen.

Owns no table. The year (``retailer``) and the check write through the collector's own reader and committer; the
scenes speak HTTP to a running engine as a browser, a till and a server would. Writes Receipt Issued, Campaign
Received, Coupon Redeemed, Traits Updated; what is invented is marked so (``docs/how-to/demo.md``).
"""
