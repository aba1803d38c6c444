"""Keras and TensorFlow.js layers models, read and written in numpy, JSON and h5py."""
