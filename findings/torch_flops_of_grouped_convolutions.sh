#!/bin/sh
# torch 2.13.0: FlopCounterMode counts the gradients of a grouped convolution as if it had one group.
#
# A convolution of G groups does a G-th of the work of one of a single group, and its backward pass
# about twice its forward pass. The counter divides the forward pass by G, as it should, and not the
# gradient of the weights: of a depthwise layer of 64 channels a step of training is counted at some 66
# forward passes and not 3, so that networks of depthwise layers (MobileNet, EfficientNet) seem to cost
# many times what they do when they are trained. Three forward passes are the better count.
#
# Seen: 3 forward passes a step with one group, above 20 with 64 groups.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'torch==2.13.0' numpy
cat > "$work/count.py" <<'PY'
import torch
from torch.utils.flop_counter import FlopCounterMode


def passes(groups):
    """Return the FLOPs that are counted of a step of training, in forward passes."""
    layer = torch.nn.Conv2d(64, 64, 3, padding=1, groups=groups, bias=False)
    image = torch.ones(1, 64, 16, 16, requires_grad=True)
    with FlopCounterMode(display=False) as forward:
        layer(image)
    with FlopCounterMode(display=False) as step:
        layer(image).sum().backward()
    return step.get_total_flops() / forward.get_total_flops()


one, many = passes(1), passes(64)
print(f"forward passes counted in a step: {one:.1f} with one group, {many:.1f} with 64 groups")
assert abs(one - 3.0) < 0.1, one
assert many > 20.0, many
PY
"$work/venv/bin/python" "$work/count.py" 2>/dev/null
