#!/bin/sh
# The floors of coverage after a test run:  sh dev/coverage.sh BIN REPORT
# Silent when they hold, so that pytest's own line stays the last; else the report says what is not covered.
set -eu
bin=$1
report=$2
"$bin/coverage" report --show-missing >"$report"
"$bin/coverage" report --include='*/stoa/domain/*' --fail-under=100 --show-missing --skip-covered >"$report.domain" || {
    cat "$report.domain"
    echo "The rules in stoa/domain must be covered to the last branch."
    exit 1
}
"$bin/coverage" report --omit='*/stoa/domain/*' --fail-under=90 --show-missing --skip-covered >"$report.rest" || {
    cat "$report.rest"
    echo "The rest of the code must be covered to 90 %."
    exit 1
}
