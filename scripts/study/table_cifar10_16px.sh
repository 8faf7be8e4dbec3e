#!/usr/bin/env bash
# NAS-Bench-201 at CPU size: real CIFAR-10 at 16×16, landmarks and pool from the benchmark's table,
# SPOS with and without landmarks, paired seeds. A search takes a few minutes on one core.
#
#     scripts/study/table_cifar10_16px.sh <cifar10 parquet folder> <table.csv> [seeds, default 0,1]
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
data=(data=cifar10 data.path="$1" data.resolution=16 data.crop_padding=2 study=nasbench201-cifar10-16px)
lmreg train-landmarks "${data[@]}" landmarks=table landmarks.path="$2" landmarks.count=30 landmarks.pool=600 \
    landmarks.score_column=cifar10_valid_acc_percent landmarks.pool_column=cifar10_test_acc_percent
lmreg search -m "${data[@]}" reg=none,landmark seed="${3:-0,1}" trainer.steps=4500 trainer.batch_size=128 \
    scoring.images=2000
lmreg evaluate study=nasbench201-cifar10-16px
