"""A set of pictures as batches: collections, augmentation, the cache, the loader."""
