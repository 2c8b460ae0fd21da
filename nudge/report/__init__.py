"""The figures: what pushes did for the shop, counted over tables of the topics."""
