<?php

declare(strict_types=1);

namespace Breachd\Audit\Observer;

use Breachd\Audit\Model\CurrentPerson;
use Magento\Backend\Model\Auth\Session;
use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;

/** Who works in the admin panel. */
class AdminRequest implements ObserverInterface
{
    public function __construct(private Session $session)
    {
    }

    public function execute(Observer $observer)
    {
        CurrentPerson::isUnknown();
        $user = $this->session->getUser();
        if ($user !== null) {
            CurrentPerson::is((string) $user->getUserName());
        }
    }
}
