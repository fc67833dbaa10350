"""Computes: text to vectors, text to tf-idf, both to probabilities, and keeps the files that this needs.

One job, and no domain words: what a class means is the caller's business.

    weights     the checkpoint, fetched once and checked         (its ways: sources)
    bert        what a checkpoint states
    graph       the encoder as an ONNX graph, float32 or int8    (its scales: smoothing, processor)
    runtime     runs it, and sees that this processor does so rightly
    encoder     opens it: text -> vector                         (kept between trainings: vectors)
    features    text -> tf-idf of words and letters
    head        vector and features -> probabilities             (fitted by: counts, regression)
    lift        vectors for a head that follows curves
    novelty     how unlike everything known a message is
    artefacts   files that are whole, checked, and held alone
    text        any str made safe to compute with

Imports nothing of this project. The only folder that imports onnxruntime, onnx, tokenizers and safetensors, each only
in the function that needs it: serving loads onnxruntime and tokenizers, never onnx, scipy, torch, transformers.
"""

import os

# onnxruntime tells its maker about its use unless it is told not to, before it is first imported. What a support desk
# reads stays with it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
