"""Is every name in a protobuf text? Protobuf's Python hands out bytes (or raises) where one is not UTF-8."""

from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]
from google.protobuf.message import Message  # type: ignore[import-untyped]


def all_text(message: Message) -> bool:
    """Walks all string fields of a message and of those in it; tensor data is not touched."""
    try:
        for field, value in message.ListFields():
            if field.type == FieldDescriptor.TYPE_STRING:
                texts = [value] if isinstance(value, (str, bytes)) else list(value)
                if not all(isinstance(text, str) for text in texts):
                    return False
            elif field.type == FieldDescriptor.TYPE_MESSAGE:
                inner = [value] if isinstance(value, Message) else value
                if not all(all_text(part) for part in inner):
                    return False
    except UnicodeDecodeError:
        return False
    return True
