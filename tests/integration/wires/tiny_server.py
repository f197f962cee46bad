"""llama.cpp's own server with a model of random weights: `python tiny_server.py FOLDER` prints its address.

A process of its own, because llama.cpp writes to standard output and ends when its process does.
Needs `xllamacpp` and `gguf` from the package registry; nothing is downloaded besides.
"""

import sys
import time
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

WIDTH, HEADS, FEED_FORWARD, CONTEXT = 32, 2, 64, 512
SPECIAL = [b"<unk>", b"<s>", b"</s>"]
BYTES = [f"<0x{number:02X}>".encode() for number in range(256)]
WORDS = ["\u2581a".encode(), "\u2581the".encode(), "\u2581one".encode()]
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


def write_model(path: Path) -> None:
    """A llama of one layer, always with the same weights."""
    tokens = [*SPECIAL, *BYTES, *WORDS]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * len(BYTES) + [gguf.TokenType.NORMAL] * len(WORDS)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-1.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)
    numbers = np.random.default_rng(7)

    def random(name: str, *shape: int) -> None:
        writer.add_tensor(name, numbers.standard_normal(shape, dtype=np.float32) * np.float32(0.1))

    def ones(name: str) -> None:
        writer.add_tensor(name, np.ones(WIDTH, dtype=np.float32))

    random("token_embd.weight", len(tokens), WIDTH)
    random("output.weight", len(tokens), WIDTH)
    ones("output_norm.weight")
    ones("blk.0.attn_norm.weight")
    ones("blk.0.ffn_norm.weight")
    for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
        random(f"blk.0.{part}.weight", WIDTH, WIDTH)
    random("blk.0.ffn_gate.weight", FEED_FORWARD, WIDTH)
    random("blk.0.ffn_up.weight", FEED_FORWARD, WIDTH)
    random("blk.0.ffn_down.weight", WIDTH, FEED_FORWARD)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Serve until the process is ended."""
    model = Path(sys.argv[1]) / "tiny.gguf"
    write_model(model)
    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.port = 0
    settings.n_ctx = CONTEXT
    settings.n_parallel = 1
    settings.warmup = False
    settings.cpuparams.n_threads = 1
    server = xllamacpp.Server(settings)
    print(f"address {server.listening_address}", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
