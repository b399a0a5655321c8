"""What waits for a person on the site and in the app: banners in slots, the inbox, the chat. Owns ``inbox_item``."""
