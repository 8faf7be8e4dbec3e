#!/usr/bin/env bash
# How good is the network that is found, by the number of stand-alone trainings? Three benchmark tables, real
# CIFAR-10 at 16×16 for the training-free scores.
#
#     scripts/study/budget.sh <cifar10 parquet folder> <nasbench201.csv> <nasbench101.parquet> <macro.csv>
#
# About an hour on one core, 20 minutes of it for training-free scores.
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
study() { # <name of the space> <table> <valid column> <test column> [option...]
    python scripts/study/budget.py "${@:2:3}" "docs/studies/budget_$1" space="$1" data=cifar10 \
        data.path="$cifar10" data.resolution=16 "${@:5}"
}
cifar10=$1
study nasbench201 "$2" cifar10_valid_acc_percent cifar10_test_acc_percent proxies.archs=3000
study nasbench101 "$3" test_accuracy_percent test_accuracy_percent
study macro "$4" mean_acc mean_acc proxies.archs=1000
