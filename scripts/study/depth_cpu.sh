#!/usr/bin/env bash
# Does the regulariser help on another task? Monocular depth on the embedded scenes at CPU size: SPOS with
# and without 15 landmarks, 3 paired seeds, 40 held-out architectures, everything trained here.
#
#     scripts/study/depth_cpu.sh [seeds, default 0,1,2]
#
# About 12 minutes on 2 cores.
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
study=depth-cpu
data=(study=$study task=depth space=depth_decoder data=shapes_depth trainer.batch_size=32)
lmreg train-landmarks "${data[@]}" selector=random landmarks.count=15 landmarks.pool=40 trainer.epochs=4
python scripts/study/seed_agreement.py outputs/$study
lmreg search -m "${data[@]}" algo=spos reg=none,landmark seed="${1:-0,1,2}" trainer.epochs=16 scoring.by=rmse \
    strategy.budget=50 threads=1
lmreg evaluate study=$study space=depth_decoder data=shapes_depth
lmreg report study=$study space=depth_decoder data=shapes_depth
python scripts/study/summary.py outputs/$study docs/studies/depth_cpu
