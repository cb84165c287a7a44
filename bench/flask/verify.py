"""Prints the milliseconds of processor time of one bare verify of argon2-cffi: the median of some."""
import statistics
import sys
import time

from argon2 import PasswordHasher

memory_cost, time_cost, parallelism, count = map(int, sys.argv[1:])
hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_cost, parallelism=parallelism, hash_len=32)
stored = hasher.hash("a-password-of-the-bench")
times = []
for _ in range(count):
    start = time.process_time()
    hasher.verify(stored, "a-password-of-the-bench")
    times.append((time.process_time() - start) * 1000)
print(statistics.median(times))
