"""What leaves a set: exports, cards, differences, plans, pages, and what is published without a photo."""
