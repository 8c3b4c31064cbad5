# Read by every job: a failed attempt's log outlives the next attempt, before which Snakemake deletes the log it knows.
# shellcheck shell=sh

keep_log() { # give the log a second name, which stays unless the job succeeds
    log=$1 attempt=$1.attempt-$(date -u +%Y%m%dT%H%M%SZ)-$$
    : > "$attempt"
    ln -f "$attempt" "$log" 2>/dev/null || ln -sf "${attempt##*/}" "$log" # not every file system has hard links
}

drop_log() {
    if [ -L "${log:-}" ]; then mv -f "$attempt" "$log"; else rm -f "${attempt:-}"; fi
}
