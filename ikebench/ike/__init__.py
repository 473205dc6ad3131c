"""IKE, the invertible kernel estimator (Chang, Chiu, Huang: "Find the way back", ICIP 2022), written from its paper."""
