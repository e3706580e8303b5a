var service-manager-hook~ = { @EVALUATE@ }
set after-chdir = [$@after-chdir {|_| service-manager-hook }]
try {
    # Only where there is a prompt.
    eval &ns=(ns [&run=$service-manager-hook~]) 'set edit:before-readline = [$@edit:before-readline $run]'
} catch e { }
service-manager-hook
