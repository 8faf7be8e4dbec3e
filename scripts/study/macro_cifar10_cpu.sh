#!/usr/bin/env bash
# Does the regulariser help on another space? NAS-Bench-Macro at CPU size: real CIFAR-10 at 16×16, the
# benchmark's table as truth, M = 30 landmarks, SPOS with and without landmarks, 3 paired seeds, 400
# held-out architectures. The table has only test accuracies: one training seed orders the landmarks, the
# mean of all three seeds is the truth of the pool.
#
#     scripts/study/macro_cifar10_cpu.sh <cifar10 parquet folder> <table.csv> [seeds, default 0,1,2]
#
# About 15 minutes on 2 cores.
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
study=macro-cifar10-cpu
data=(space=macro study=$study data=cifar10 data.path="$1" data.resolution=16 data.crop_padding=2)
search=(lmreg search -m "${data[@]}" trainer.batch_size=64 trainer.steps=1500 scoring.images=1000 threads=1
    tracking.every_epochs=null)
lmreg train-landmarks "${data[@]}" selector=random \
    landmarks=table landmarks.path="$2" landmarks.count=30 landmarks.pool=400 \
    landmarks.score_column=test_acc_seed0 landmarks.pool_column=mean_acc
# Side by side, one core each.
"${search[@]}" seed="${3:-0,1,2}" reg=none &
"${search[@]}" seed="${3:-0,1,2}" reg=landmark
wait $!
lmreg evaluate study=$study space=macro
lmreg report study=$study space=macro
python scripts/study/summary.py outputs/$study docs/studies/macro_cifar10_cpu
