"""Training-free scores (zero-cost proxies): what a network at initialisation tells about its trained self."""
