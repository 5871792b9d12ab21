"""Images: official archives read without unpickling, deficits, augmentation, bytes on the device."""
