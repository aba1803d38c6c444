"""Networks as plain data, written as LiteRT flatbuffers and run from any thread."""
