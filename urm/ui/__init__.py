"""The admin site and what every page shares: look, navigation, panels."""
