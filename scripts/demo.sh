#!/usr/bin/env bash
# The whole pipeline with its default settings on the embedded images: landmarks and pool trained
# stand-alone, a super-net with and without the regulariser from two seeds, who ranks better, and a page about it.
# A second run finds everything done and only shows the result.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
lmreg train-landmarks
lmreg search -m algo=spos reg=none,landmark seed=0,1
lmreg evaluate
lmreg report
