#!/usr/bin/env bash
# Runs the whole pipeline with default settings on the embedded images: stand-alone training of landmarks and
# pool, super-nets with and without the regulariser for two seeds, a comparison of their rankings, and a report.
# A second run finds everything done and only shows the result.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
lmreg train-landmarks
lmreg search -m algo=spos reg=none,landmark seed=0,1
lmreg evaluate
lmreg report
