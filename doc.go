package elemental
