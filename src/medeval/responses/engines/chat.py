"""Messages to prompt text, by the model's own chat template."""

from collections.abc import Mapping, Sequence
from typing import Any

from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from medeval.errors import MedevalError
from medeval.records.files import sha256_text
from medeval.responses.engines.llama_model import LlamaModel


class ChatTemplate:
    """The chat template in a GGUF file's metadata, with fixed values for its switches.

    Args:
        model: The model whose template is used.
        options: Variables for the template, such as `enable_thinking`.

    Raises:
        MedevalError: The file has no chat template; there is no default that would be right.
    """

    def __init__(self, model: LlamaModel, options: Mapping[str, Any]) -> None:
        if model.chat_template is None:
            raise MedevalError(
                f"{model.path}: the file has no chat template (tokenizer.chat_template)",
                "Use an instruction-tuned model's GGUF; a base model cannot be asked in chat form.",
            )
        self.text = model.chat_template
        self.sha256 = sha256_text(self.text)
        self._options = dict(options)
        self._formatter = Jinja2ChatFormatter(self.text, eos_token=model.eos_text or "", bos_token=model.bos_text or "")

    def render(self, messages: Sequence[Mapping[str, str]], *, complete_last: bool = False) -> str:
        """Render a conversation up to the point where the assistant speaks.

        Args:
            messages: Role and content of each message, oldest first.
            complete_last: The last message is the beginning of the assistant's reply, to be continued.
        """
        history = list(messages[:-1] if complete_last else messages)
        prompt: str = self._formatter(messages=history, **self._options).prompt
        return prompt + (messages[-1]["content"] if complete_last else "")
