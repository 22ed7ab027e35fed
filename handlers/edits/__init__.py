"""Edits: each takes content and gives content back, changing no octet that is not its business."""
