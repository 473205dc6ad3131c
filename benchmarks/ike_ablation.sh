#!/bin/sh
# The ablation of docs/ike.md: one photograph, LR by bicubic and by median, 500 iterations a variant.
#
#     benchmarks/ike_ablation.sh FOLDER_WITH_HR WORKSPACE
#
# About 6 minutes a variant on two idle cores. What has been done is not done again: stop it and go on as you like.
set -eu
hr=$1
workspace=$2
iterations=${ITERATIONS:-500}

ikebench make-data --workspace "$workspace" --hr "$hr" --limit 1 --kind bicubic,median
ikebench run --workspace "$workspace" --methods bicubic

variant() { # name, settings...
    name=$1
    shift
    label="--as $name"
    [ "$name" = ike ] && label=
    # shellcheck disable=SC2086 # the label is two words or none
    ikebench run --workspace "$workspace" --methods ike --iterations "$iterations" $label "$@"
}

variant ike
variant ike-no-backward-gan --set ike.lambda_backward=0
variant ike-no-gan --set ike.lambda_backward=0 --set ike.lambda_forward=0
variant ike-no-forward-gan --set ike.lambda_forward=0
# With an activation the dense blocks cannot be composed, and a step takes seven times as long: smaller crops for these two.
variant ike-crop64 --set ike.crop=64
variant ike-crop64-leaky-relu --set ike.crop=64 --set ike.activation=leaky-relu
variant ike-weak-backward-gan --set ike.lambda_backward=0.5
variant ike-no-energy --set ike.lambda_energy=0
variant ike-align-corners --set ike.grid=align-corners
variant ike-strong-energy --set ike.lambda_energy=40 --set ike.lambda_energy_end=40
variant ike-no-residual --set ike.bicubic_residual=false
variant ike-additive --set ike.tri_channel=false
variant ike-no-interpolation --set ike.lambda_interpolation=0
ikebench report --workspace "$workspace" --format md,tex,html,csv
