"""Where arrays live: devices, number types and their promotion, random streams, the array module of an array."""
