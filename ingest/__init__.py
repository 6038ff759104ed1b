"""From the outside world to `posts.collected`: files and platforms."""
