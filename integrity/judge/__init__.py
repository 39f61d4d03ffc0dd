"""The LLM judge: a witness whose every quotation is compared with the source."""
