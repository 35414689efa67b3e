"""How fast is gantool? Ratios against plain eager code of the same mathematics (textbook.py), as Markdown tables.

    python benchmarks/speed.py                       everything, some minutes
    python benchmarks/speed.py step translation      parts: step, translation, layers, loading, startup, memory
    python benchmarks/speed.py memory --large        a picture of 2048 pixels instead of 1024

Both sides run in one process on one thread, in turns, and CPU time is counted, so that a busy machine matters little: a
ratio is the median of the rounds' ratios. A repeated ratio differs by about 5 per cent. Nothing here is a limit, and no
test depends on it.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import __version__ as pillow_version

from gantool.inference.devices import half_precision_note

HEAD = "| | textbook | gantool | ratio | rounds | goal | |\n| --- | --- | --- | --- | --- | --- | --- |"


def step(rounds: int) -> None:
    from computing import training_step

    say("\nCycleGAN training step: resnet of 9 blocks, width 64, identity loss, pool, batch 1, 128 pixels\n\n" + HEAD)
    for precision, goal in (("fp32", "x1.08"), ("bf16", "x1.9")):
        if half_precision_note("cpu", precision):
            say(
                f"| {precision} | | | not measured: this CPU has no {precision} arithmetic "
                f"(one 3x3 convolution: x{half_convolution():.3f}) | | {goal} | |"
            )
            continue
        found, difference = training_step(128, precision, rounds)
        say(f"| {precision} | {found.cells} | {goal} | losses of the first step agree to {difference:.0e} |")


def translation(rounds: int) -> None:
    from computing import translation as compared

    say("\nOne picture of 256 pixels through the generator, in single precision\n\n" + HEAD)
    for precision, goal in (("fp32", "x1.4"), ("exact", "x1.1")):
        found, difference = compared(256, precision, rounds)
        say(f"| {precision} | {found.cells} | {goal} | results differ by at most {difference:.1g} grey levels |")


def layers(rounds: int) -> None:
    from computing import wide_convolution

    say("\n3x3 convolutions by Winograd's F(4, 3)\n\n" + HEAD.replace("textbook", "torch"))
    for padding, padded in enumerate(("padded before", "zeros around it")):
        for channels, pixels in product((128, 256), (16, 32, 64, 128)):
            found = wide_convolution(channels, pixels, padding, rounds)
            say(f"| {channels} channels, a map of {pixels} pixels, {padded} | {found.cells} | | |")


def loading(rounds: int) -> None:
    from loading import loading as compared

    with tempfile.TemporaryDirectory() as folder:
        found = compared(Path(folder), rounds)
    say("\nTwo pictures of 600 x 400 (JPEG) resized to 286, cropped to 256, mirrored, normalised\n\n" + HEAD)
    say(f"| cached | {found['cached'].cells} | x15 | |")
    say(f"| without a cache | {found['without a cache'].cells} | | |")


def startup(rounds: int) -> None:
    from startup import startup as measured

    say("\nCPU time of a process, the least of several\n\n| | CPU time | goal |\n| --- | --- | --- |")
    for name, seconds in measured(rounds).items():
        say(f"| {name} | {1000 * seconds:.0f} ms | {'200 ms' if name == '`gantool --help`' else ''} |")


def memory(pixels: int) -> None:
    from large_pictures import large_picture

    with tempfile.TemporaryDirectory() as folder:
        found = large_picture(pixels, Path(folder))
    say(f"\nOne picture of {pixels} pixels through the generator, fp32\n")
    say("| | memory over the loaded network | CPU time | largest difference, grey levels |\n| --- | --- | --- | --- |")
    book = found["textbook"]["bytes"]
    for way, f in found.items():
        share = f" (1/{book / f['bytes']:.1f})" if way != "textbook" else ""
        say(f"| {way} | {f['bytes'] / 1e6:.0f} MB{share} | {f['seconds']:.1f} s | {f['levels']:.1g} |")


def half_convolution() -> float:
    """How many times faster a convolution is in bf16 than in fp32."""
    times = []
    for dtype in (torch.float32, torch.bfloat16):
        x, weight = torch.randn(1, 128, 32, 32).to(dtype), torch.randn(128, 128, 3, 3).to(dtype)
        F.conv2d(x, weight)
        started = time.process_time()
        F.conv2d(x, weight)
        times.append(time.process_time() - started)
    return times[0] / times[1]


def machine() -> str:
    """The processor's name and kind of vectors, and what runs on it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    vectors = torch.backends.cpu.get_cpu_capability()
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, Pillow {pillow_version}"
    return f"{processor} ({vectors}), one thread; {versions}"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("step", "translation", "layers", "loading", "startup", "memory")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="memory: 2048 pixels")
    arguments = parser.parse_args()
    wanted = arguments.parts or parts
    if unknown := set(wanted) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")

    torch.set_num_threads(1)
    torch.manual_seed(0)
    say(machine())
    for part in parts:
        if part not in wanted:
            continue
        if part == "memory":
            memory(2048 if arguments.large else 1024)
        else:
            globals()[part](arguments.rounds)


if __name__ == "__main__":
    main()
