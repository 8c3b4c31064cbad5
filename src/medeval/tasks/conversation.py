"""HealthBench's conversations as an lm-eval task: several turns, so the chat template gets them whole."""

from typing import Any

from lm_eval.api.task import ConfigurableTask


class Conversation(ConfigurableTask):
    """A task whose prompt is a conversation of several turns."""

    def __init__(self, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        settings = {key: value for key, value in (config or {}).items() if key != "class"}
        super().__init__(config=settings, **kwargs)

    def fewshot_context(
        self,
        doc: dict[str, Any],
        num_fewshot: int,
        system_instruction: str | None = None,
        apply_chat_template: bool = False,
        fewshot_as_multiturn: bool = False,
        chat_template: Any = None,
        gen_prefix: str | None = None,
    ) -> str:
        """Render the whole conversation; without a chat template, as `role: content` paragraphs."""
        messages = [{"role": turn["role"], "content": turn["content"]} for turn in doc["messages"]]
        if system_instruction:
            messages.insert(0, {"role": "system", "content": system_instruction})
        if apply_chat_template:
            return str(chat_template(messages))
        return "\n\n".join(f"{m['role']}: {m['content']}" for m in messages) + "\n\nassistant:"
