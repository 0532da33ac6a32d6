#!/bin/sh
# Cargo's RUSTC_WRAPPER of the fuzz targets: compiles what reads foreign bytes with the instrumentation that libFuzzer
# goes by, and everything else as ever. The flags are LLVM's own and need no nightly toolchain. Called with the compiler and
# its arguments.
compiler=$1
shift
case "$CARGO_PKG_NAME/$*" in
*"--crate-name build_script"*) exec "$compiler" "$@" ;;
suitecast-* | serde_json/* | jiff/* | flate2/* | zlib-rs/* | pgp/*) ;;
*) exec "$compiler" "$@" ;;
esac
exec "$compiler" "$@" \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
