#!/usr/bin/env bash
# Which weight-sharing algorithms does the regulariser help? NAS-Bench-201 at CPU size: real CIFAR-10 at
# 16×16, the benchmark's table as truth, M = 30 landmarks, every algorithm with and without landmarks, 3
# paired seeds, 100 held-out architectures. Which landmark passes and image splits suit the differentiable
# algorithms best?
#
#     scripts/study/algorithms_nasbench201.sh <cifar10 parquet folder> <table.csv> [seeds, default "0 1 2"]
#
# About 130 minutes on 2 cores. All train 2,000 paths with a landmark pair each (a step of FairNAS has five of
# both), or 2,000 mixtures; alphas are trained in the last quarter.
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
study=nasbench201-algorithms
data=(study=$study data=cifar10 data.path="$1" data.resolution=16 data.crop_padding=2)
search=(lmreg search -m "${data[@]}" trainer.batch_size=64 scoring.images=1000 strategy.budget=50 threads=1
    tracking.every_epochs=null)
alphas=(trainer.steps=2000 algo.alpha_warmup=0.75 algo.alpha_lr=3e-3)
lmreg train-landmarks "${data[@]}" selector=random \
    landmarks=table landmarks.path="$2" landmarks.count=30 landmarks.pool=100 \
    landmarks.score_column=cifar10_valid_acc_percent landmarks.pool_column=cifar10_test_acc_percent
paths() {
    "${search[@]}" seed="$1" algo=spos,spos_unique reg=none,landmark trainer.steps=2000
    "${search[@]}" seed="$1" algo=fairnas reg=none,landmark trainer.paths=2000
    "${search[@]}" seed="$1" algo=nao reg=none,landmark trainer.steps=2000 algo.refresh_epochs=1
    "${search[@]}" seed="$1" algo=gdas,pcdarts reg=none,landmark "${alphas[@]}"
}
mixtures() { "${search[@]}" seed="$1" algo=darts,darts2 reg=none,landmark "${alphas[@]}"; }
# How landmarks are evaluated, and whether alphas and regulariser share their images.
passes() {
    "${search[@]}" seed="$1" algo="$2" reg=landmark reg.passes=soft_oneshot "${alphas[@]}"
    "${search[@]}" seed="$1" algo="$2" reg=landmark reg.batch=train "${alphas[@]}"
    "${search[@]}" seed="$1" algo="$2" reg=none,landmark algo.alpha_split=score "${alphas[@]}"
}
# The same with a learning rate at which alphas move far within the training.
quick_alphas() {
    local quick=(algo=gdas reg=landmark trainer.steps=2000 algo.alpha_warmup=0.75 algo.alpha_lr=0.1)
    "${search[@]}" seed="$1" "${quick[@]}" algo.alpha_split=rank,score
    "${search[@]}" seed="$1" "${quick[@]}" reg.batch=train
}
each_seed() { for seed in ${seeds:?}; do "$@" "$seed"; done; }
seeds=${3:-0 1 2}
# Side by side, one core each.
{ each_seed paths; each_seed quick_alphas; for seed in $seeds; do passes "$seed" gdas,pcdarts; done; } &
each_seed mixtures
for seed in $seeds; do passes "$seed" darts; done
"${search[@]}" seed="${seeds%% *}" algo=darts2 reg=landmark reg.passes=soft_oneshot "${alphas[@]}"
wait $!
lmreg evaluate study=$study
lmreg report study=$study
python scripts/study/algorithms.py outputs/$study "$2" docs/studies/algorithms_nasbench201
