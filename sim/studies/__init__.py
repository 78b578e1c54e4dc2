"""Many runs, one table: experiments, comparisons and marginal value."""
