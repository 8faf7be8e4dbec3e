#!/usr/bin/env bash
# Does the regulariser help, and more than a predictor fitted to the same landmarks? NAS-Bench-201 at
# CPU size: real CIFAR-10 at 16×16, the benchmark's table as truth, M = 30 landmarks, SPOS and FairNAS with
# and without landmarks, 5 paired seeds, 1,000 held-out architectures.
#
#     scripts/study/nasbench201_cifar10_cpu.sh <cifar10 parquet folder> <table.csv> [seeds, default 0,1,2,3,4]
#
# About 70 minutes on 2 cores. Both algorithms train 4,500 paths in total (a step of FairNAS has five), each
# with a landmark pair.
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
study=nasbench201-cifar10-cpu
data=(study=$study data=cifar10 data.path="$1" data.resolution=16 data.crop_padding=2)
search=(lmreg search -m "${data[@]}" seed="${3:-0,1,2,3,4}" trainer.batch_size=128 scoring.images=2000 threads=1)
lmreg train-landmarks "${data[@]}" selector=random \
    landmarks=table landmarks.path="$2" landmarks.count=30 landmarks.pool=1000 \
    landmarks.score_column=cifar10_valid_acc_percent landmarks.pool_column=cifar10_test_acc_percent
# Side by side, one core each.
"${search[@]}" algo=spos reg=none,landmark trainer.steps=4500 &
"${search[@]}" algo=fairnas reg=none,landmark trainer.paths=4500
wait $!
lmreg evaluate study=$study
lmreg report study=$study
python scripts/study/summary.py outputs/$study docs/studies/nasbench201_cifar10_cpu
