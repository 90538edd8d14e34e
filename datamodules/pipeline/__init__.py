"""Raw documents to clean, filtered, deduplicated token shards, on datatrove."""
