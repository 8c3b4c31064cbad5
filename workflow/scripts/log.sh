# Read by every job: a failed attempt's log outlives the next attempt, before which Snakemake deletes the log it knows.
# shellcheck shell=sh

keep_log() { # give the log a second name, which stays unless the job succeeds
    log=$1 attempt=$1.attempt-$(date -u +%Y%m%dT%H%M%SZ)-$$
    # A link of either kind; where the file system has none, or the name is too long, the log has one name only.
    if ! touch "$attempt" 2>/dev/null ||
        ! { ln -f "$attempt" "$log" 2>/dev/null || ln -sf "${attempt##*/}" "$log" 2>/dev/null; }; then
        rm -f "$attempt"
        attempt=
    fi
}

end_attempt() { # the job succeeded: its log keeps its own name only
    if [ -n "${attempt:-}" ] && [ -L "$log" ]; then mv -f "$attempt" "$log"; else rm -f "${attempt:-}"; fi
}
