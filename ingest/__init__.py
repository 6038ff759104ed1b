"""From the outside world to `posts.collected`: files now, platforms later."""
