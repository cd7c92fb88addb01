"""Prime numbers."""


def primes_below(limit):
    """The primes smaller than ``limit``, by the sieve of Eratosthenes."""
    is_prime = [True] * max(limit, 2)
    is_prime[0] = is_prime[1] = False
    for number in range(2, int(limit**0.5) + 1):
        if is_prime[number]:
            for multiple in range(number * number, limit, number):
                is_prime[multiple] = False
    return [number for number in range(limit) if is_prime[number]]
