# shellcheck shell=bash
# Sourced by the checks, after ../lib.sh: a small fleet of development instances on this machine, a Prometheus that scrapes
# it, and somebody who asks. Everything ends with the script.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
started=()
trap 'end_all; rm -rf "$scratch"' EXIT

end_all() {
    local process
    for process in "${started[@]}"; do
        kill "$process" 2>/dev/null || true
    done
    for process in "${started[@]}"; do
        wait "$process" 2>/dev/null || true
    done
}

# Waits until FILE has a line that begins with WORD, and prints the line.
line_of() {
    local file=$1 word=$2
    for _ in $(seq 600); do
        grep -m1 "^$word" "$file" 2>/dev/null && return
        sleep 0.1
    done
    echo "no line \`$word\` in $file after a minute" >&2
    return 1
}

# Starts instance NUMBER with the table in data/, and the first one's certificates.
start_instance() {
    local directory=$scratch/$1
    mkdir -p "$directory/certs"
    ln -s "$repository/data" "$directory/data"
    [ "$1" -eq 1 ] || cp -r "$scratch/1/certs/dev" "$directory/certs/dev"
    (
        cd "$directory" || exit
        CROUPIER_LISTEN_LOOKUP=127.0.0.1:0 CROUPIER_LISTEN_HEALTH=127.0.0.1:0 CROUPIER_LISTEN_ADMIN=127.0.0.1:0 \
            exec "$croupier" serve --dev >listening 2>log
    ) &
    started+=($!)
    line_of "$directory/listening" listening >/dev/null || { tail "$directory/log" >&2; exit 1; }
}

# Where instance NUMBER listens for `lookup`, `health` or `admin`.
address() {
    sed -nE "s/^listening .*$2=([0-9.:]+).*/\1/p" "$scratch/$1/listening"
}

# Starts Prometheus for instances 1 to NUMBER; its address is `url` then.
start_prometheus() {
    local targets=() instance
    for instance in $(seq "$1"); do
        targets+=("$(address "$instance" health)")
    done
    "$repository/deploy/prometheus/scrape" "$scratch/prometheus" "${targets[@]}" >"$scratch/scrape" 2>"$scratch/scrape.log" &
    started+=($!)
    url=$(line_of "$scratch/scrape" prometheus) || { tail "$scratch/scrape.log" >&2; exit 1; }
    url=${url#prometheus }
}

# Asks instance NUMBER ten times a second for SECONDS, as the client that it lets in.
ask() {
    local certs=$scratch/$1/certs/dev port
    port=$(address "$1" lookup)
    # Ended by the clock: there are more addresses than seconds.
    timeout "$2" curl --silent --show-error --fail --output /dev/null --rate 10/s --cacert "$certs/root.pem" \
        --cert "$certs/client.pem" --key "$certs/client.key" \
        "https://localhost:${port##*:}/lookup?ip=2.121.[1-250].[1-250]" || [ $? -eq 124 ]
}
