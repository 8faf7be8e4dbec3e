#!/usr/bin/env bash
# Which landmarks help most? NAS-Bench-201 at CPU size: real CIFAR-10 at 16×16, the benchmark's table as
# truth, SPOS with M = 10, 20, 30, 50 landmarks from each selector. Each seed has its own landmarks, super-net
# and pool; all its runs are compared with one run without landmarks, on the part of the pool that contains
# none of their landmarks.
#
#     scripts/study/selectors_nasbench201.sh <cifar10 parquet folder> <table.csv> [seeds, default "0 1 2 3 4"]
#
# About 90 minutes on one core. `spaced` needs a distance of 3, as there are no 50 cells at its default of 4.
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
data=(root=outputs/nasbench201-selectors data=cifar10 data.path="$1" data.resolution=16 data.crop_padding=2)
search=(lmreg search -m "${data[@]}" trainer.batch_size=64 trainer.steps=1000 scoring.images=500
    strategy.budget=2 threads=1 tracking.every_epochs=null)
for seed in ${3:-0 1 2 3 4}; do
    studies=()
    for selector in random stratified spaced coverage; do
        for count in 10 20 30 50; do
            studies+=("$selector-$count-s$seed")
            options=(selector=$selector)
            if [ $selector = spaced ]; then options+=(selector.min_distance=3); fi
            lmreg train-landmarks study="${studies[-1]}" seed="$seed" "${data[@]}" "${options[@]}" \
                landmarks=table landmarks.path="$2" landmarks.count=$count landmarks.pool=200 \
                landmarks.score_column=cifar10_valid_acc_percent \
                landmarks.pool_column=cifar10_test_acc_percent
        done
    done
    "${search[@]}" study="${studies[0]}" seed="$seed" reg=none
    "${search[@]}" study="$(IFS=,; echo "${studies[*]}")" seed="$seed" reg=landmark
done
python scripts/study/landmark_selectors.py outputs/nasbench201-selectors docs/studies/selectors_nasbench201
