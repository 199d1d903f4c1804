"""实名核验的留存: raises of the proofing level that outlive the session of their proof."""
