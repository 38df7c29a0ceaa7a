#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# no_faults.sh PROGRAM OBJCOPY NM - a Release has no faults to inject: neither
# the code nor the name of the variable that would ask for it.
set -euo pipefail

program=$1
objcopy=$2
nm=$3
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT

"$objcopy" --strip-all "$program" "$stripped"
# so that a search that finds nothing means something
grep -aq 'bcastd --help' "$stripped"
if grep -aq BCAST_FAULTS "$stripped"; then
	echo "no_faults: $program asks for BCAST_FAULTS" >&2
	exit 1
fi
if "$nm" "$program" | grep bc_fault; then
	echo "no_faults: $program has that code" >&2
	exit 1
fi
