"""The whole configuration as typed, validated objects; nothing else reads YAML."""
