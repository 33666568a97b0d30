"""The models before transformers: tables of words, LSTM, CNN, CoVe, ELMo, AWD-LSTM, behind the interface of all others.

A model is a folder like any other: config.json (`model_type` names its kind), model.safetensors, tokenizer.json. So
everything that reads, trains, compares and exports model folders works on them. `kinds` and `places` cost no torch.
"""
