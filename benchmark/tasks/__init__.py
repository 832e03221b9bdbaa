"""What methods are asked to do, a folder each: metrics, evaluator, controls, methods, adapters, rules, audit, words."""
