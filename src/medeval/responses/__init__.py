"""From items to responses: prompts, engines, and the evaluation that asks."""
